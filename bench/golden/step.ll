; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @step(ptr dead_on_unwind noalias noundef writable writeonly sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v1, ptr noundef nonnull align 8 captures(none) %v2, i64 noundef %v3, i64 noundef %v4, i64 noundef %v5) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v6 = alloca [24 x i8], align 8
  %v7 = alloca [24 x i8], align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v9 = load i64, ptr %v8, align 8
  %v10 = add i64 %v9, %v4
  %v11 = getelementptr inbounds nuw i8, ptr %v2, i64 48
  %v12 = load i64, ptr %v11, align 8
  %v13 = getelementptr inbounds nuw i8, ptr %v2, i64 56
  %v14 = load i64, ptr %v13, align 8
  %v15 = and i64 %v14, %v12
  %v16 = icmp eq i64 %v15, -1
  %v17 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  %v18 = load i64, ptr %v2, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  %v19 = icmp eq i64 %v18, 4
  br i1 %v19, label %b1, label %b2
b1:
  %v20 = getelementptr inbounds nuw i8, ptr %v2, i64 80
  %v21 = getelementptr i8, ptr %v2, i64 148
  %v22 = icmp ult i64 %v5, %v12
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 144
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 128
  %v25 = getelementptr inbounds nuw i8, ptr %v2, i64 136
  %v26 = getelementptr inbounds nuw i8, ptr %v2, i64 40
  %v27 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v28 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  br i1 %v22, label %b3, label %b4
b2:
  %v29 = phi i64 [ %v10, %b0 ], [ %v30, %b17 ], [ %v31, %b21 ]
  %v32 = phi i64 [ %v3, %b0 ], [ %v33, %b17 ], [ %v34, %b21 ]
  %v35 = phi i64 [ %v18, %b0 ], [ %v36, %b17 ], [ %v37, %b21 ]
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v7, ptr noundef nonnull align 8 dereferenceable(24) %v6, i64 24, i1 false)
  br label %b4
b3:
  %v33 = phi i64 [ %v34, %b21 ], [ %v3, %b1 ]
  %v38 = phi i64 [ %v31, %b21 ], [ %v10, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  %v39 = load i64, ptr %v20, align 8
  %v40 = load i8, ptr %v21, align 4
  %v41 = trunc nuw i8 %v40 to i1
  %v42 = sub i64 %v33, %v39
  %v43 = select i1 %v41, i64 -1, i64 4294967295
  %v44 = and i64 %v43, %v42
  %v45 = icmp ult i64 %v44, %v14
  br i1 %v45, label %b6, label %b5
b4:
  %v46 = phi i64 [ %v32, %b2 ], [ %v3, %b1 ]
  %v47 = phi i64 [ %v29, %b2 ], [ %v10, %b1 ]
  %v48 = phi i64 [ %v35, %b2 ], [ 7, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  br label %b5
b5:
  %v49 = phi i64 [ %v46, %b4 ], [ %v33, %b13 ], [ %v33, %b14 ], [ %v33, %b3 ]
  %v50 = phi i64 [ %v47, %b4 ], [ %v38, %b3 ], [ %v51, %b14 ], [ 0, %b13 ]
  %v52 = phi i64 [ %v48, %b4 ], [ 7, %b3 ], [ 5, %b14 ], [ 6, %b13 ]
  store i64 %v50, ptr %v8, align 8
  store i64 %v49, ptr %v1, align 8
  %v53 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 0, ptr %v53, align 8
  %v54 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v49, ptr %v54, align 8
  %v55 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 %v52, ptr %v55, align 8
  %v56 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v56, ptr noundef nonnull align 8 dereferenceable(24) %v7, i64 24, i1 false)
  br label %b20
b6:
  %v57 = icmp eq i64 %v38, 0
  br i1 %v57, label %b8, label %b7
b7:
  %v58 = load i32, ptr %v23, align 8
  %v59 = zext i32 %v58 to i64
  br label %b14
b8:
  %v60 = load ptr, ptr %v24, align 8
  br i1 %v41, label %b9, label %b10
b9:
  %v61 = load atomic i64, ptr %v60 monotonic, align 8
  br label %b11
b10:
  %v62 = load atomic i32, ptr %v60 monotonic, align 4
  %v63 = zext i32 %v62 to i64
  br label %b11
b11:
  %v64 = phi i64 [ -1, %b9 ], [ 4294967295, %b10 ]
  %v65 = phi i64 [ %v61, %b9 ], [ %v63, %b10 ]
  fence acquire
  %v66 = sub i64 %v65, %v33
  %v67 = and i64 %v66, %v64
  %v68 = and i64 %v65, 7
  %v69 = icmp eq i64 %v68, 0
  br i1 %v69, label %b12, label %b17
b12:
  %v70 = load i32, ptr %v23, align 8
  %v71 = zext i32 %v70 to i64
  %v72 = tail call i64 @llvm.usub.sat.i64(i64 %v71, i64 %v44)
  %v73 = icmp ugt i64 %v67, %v72
  br i1 %v73, label %b17, label %b13
b13:
  %v74 = icmp eq i64 %v67, 0
  br i1 %v74, label %b5, label %b14
b14:
  %v51 = phi i64 [ %v67, %b13 ], [ %v38, %b7 ]
  %v75 = phi i64 [ %v71, %b13 ], [ %v59, %b7 ]
  %v76 = add nsw i64 %v75, -8
  %v77 = and i64 %v76, %v33
  %v78 = load ptr, ptr %v25, align 8
  %v79 = getelementptr inbounds nuw i8, ptr %v78, i64 %v77
  %v80 = load atomic i32, ptr %v79 monotonic, align 4
  fence acquire
  %v81 = icmp sgt i32 %v80, -1
  br i1 %v81, label %b15, label %b5
b15:
  %v82 = and i32 %v80, 1073741823
  %v83 = add nuw nsw i32 %v82, 15
  %v84 = and i32 %v83, 2147483640
  %v85 = zext nneg i32 %v84 to i64
  %v86 = icmp ult i64 %v51, %v85
  br i1 %v86, label %b16, label %b18
b16:
  %v87 = load i8, ptr %v21, align 4
  %v88 = trunc nuw i8 %v87 to i1
  %v89 = select i1 %v88, i64 -1, i64 4294967295
  br label %b17
b17:
  %v90 = phi i64 [ %v85, %b16 ], [ %v65, %b11 ], [ %v65, %b12 ]
  %v91 = phi i64 [ %v89, %b16 ], [ %v64, %b11 ], [ %v64, %b12 ]
  %v92 = phi i64 [ %v51, %b16 ], [ undef, %b11 ], [ undef, %b12 ]
  %v36 = phi i64 [ 3, %b16 ], [ 2, %b12 ], [ 1, %b11 ]
  %v30 = phi i64 [ %v51, %b16 ], [ 0, %b11 ], [ 0, %b12 ]
  %v93 = and i64 %v91, %v33
  store i64 %v36, ptr %v2, align 8
  store i64 %v90, ptr %v17, align 8
  store i64 %v92, ptr %v27, align 8
  store i64 %v93, ptr %v28, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  br label %b2
b18:
  %v34 = add i64 %v33, %v85
  %v31 = sub nuw i64 %v51, %v85
  %v94 = icmp samesign ult i32 %v80, 1073741824
  br i1 %v94, label %b19, label %b21
b19:
  %v95 = tail call range(i64 0, 1073741825) i64 @llvm.umin.i64(i64 %v31, i64 1073741824)
  %v96 = select i1 %v16, i64 %v95, i64 0
  %v97 = sub i64 %v31, %v96
  store i64 %v97, ptr %v8, align 8
  store i64 %v34, ptr %v1, align 8
  %v98 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 %v96, ptr %v98, align 8
  %v99 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v33, ptr %v99, align 8
  %v100 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 4, ptr %v100, align 8
  %v101 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i32 %v82, ptr %v101, align 8
  br label %b20
b20:
  ret void
b21:
  %v102 = load i64, ptr %v26, align 8
  %v103 = add i64 %v102, 1
  store i64 %v103, ptr %v26, align 8
  %v37 = load i64, ptr %v2, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  %v104 = icmp eq i64 %v37, 4
  br i1 %v104, label %b3, label %b2
}
