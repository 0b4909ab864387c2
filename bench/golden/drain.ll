; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @drain_rust(ptr noalias noundef align 8 captures(none) dereferenceable(232) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 56
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 184
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(32) %v7, ptr noundef nonnull align 8 dereferenceable(232) %v1, i64 32, i1 false)
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  store i64 %v4, ptr %v8, align 8
  %v9 = tail call noundef i64 @llvm.umin.i64(i64 %v6, i64 1073741824)
  %v10 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  store i64 %v9, ptr %v10, align 8
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  store i64 0, ptr %v11, align 8
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 152
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v12, i8 -1, i64 16, i1 false)
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  %v14 = load i64, ptr %v13, align 8
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 224
  %v16 = load i32, ptr %v15, align 8
  %v17 = zext i32 %v16 to i64
  %v18 = add nsw i64 %v17, -8
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 216
  %v20 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v21 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  br label %b1
b1:
  %v24 = phi i64 [ 0, %b0 ], [ %v25, %b9 ]
  %v26 = phi i64 [ 0, %b0 ], [ %v27, %b9 ]
  %v28 = phi i64 [ %v14, %b0 ], [ %v29, %b9 ]
  %v30 = icmp eq i64 %v26, 0
  br i1 %v30, label %b7, label %b2
b2:
  %v31 = phi i64 [ %v32, %b5 ], [ %v28, %b1 ]
  %v33 = phi i64 [ %v34, %b5 ], [ %v26, %b1 ]
  %v35 = and i64 %v31, %v18
  %v36 = load ptr, ptr %v19, align 8
  %v37 = getelementptr inbounds nuw i8, ptr %v36, i64 %v35
  %v38 = load atomic i32, ptr %v37 monotonic, align 4
  fence acquire
  %v39 = zext i32 %v38 to i64
  %v40 = add nuw nsw i64 %v39, 15
  %v41 = and i64 %v40, 8589934584
  %v42 = icmp ugt i64 %v41, %v33
  br i1 %v42, label %b3, label %b6
b3:
  %v43 = icmp sgt i32 %v38, -1
  br i1 %v43, label %b4, label %b7
b4:
  %v44 = and i32 %v38, 1073741823
  %v45 = add nuw nsw i32 %v44, 15
  %v46 = and i32 %v45, 2147483640
  %v47 = zext nneg i32 %v46 to i64
  %v48 = icmp samesign ult i64 %v33, %v47
  br i1 %v48, label %b7, label %b5
b5:
  %v49 = load i64, ptr %v11, align 8
  %v50 = add i64 %v49, 1
  store i64 %v50, ptr %v11, align 8
  %v32 = add i64 %v31, %v47
  %v34 = sub nuw nsw i64 %v33, %v47
  %v51 = icmp eq i64 %v34, 0
  br i1 %v51, label %b7, label %b2
b6:
  %v52 = add i64 %v41, %v31
  %v53 = sub nuw i64 %v33, %v41
  %v54 = load ptr, ptr %v19, align 8
  %v55 = getelementptr i8, ptr %v54, i64 %v35
  br label %b9
b7:
  %v56 = phi i64 [ 0, %b1 ], [ 0, %b5 ], [ %v33, %b4 ], [ %v33, %b3 ]
  %v57 = phi i64 [ %v28, %b1 ], [ %v32, %b5 ], [ %v31, %b4 ], [ %v31, %b3 ]
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v57, i64 noundef %v56, i64 noundef %v24)
  %v58 = load i64, ptr %v2, align 8
  %v59 = load i64, ptr %v20, align 8
  %v60 = load i64, ptr %v21, align 8
  %v61 = load i64, ptr %v22, align 8
  %v62 = load i32, ptr %v23, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v63 = icmp eq i64 %v61, 4
  br i1 %v63, label %b8, label %b10
b8:
  %v64 = and i64 %v60, %v18
  %v65 = load ptr, ptr %v19, align 8
  %v66 = getelementptr i8, ptr %v65, i64 %v64
  %v67 = zext i32 %v62 to i64
  br label %b9
b9:
  %v68 = phi i64 [ %v67, %b8 ], [ %v39, %b6 ]
  %v27 = phi i64 [ %v59, %b8 ], [ %v53, %b6 ]
  %v69 = phi ptr [ %v66, %b8 ], [ %v55, %b6 ]
  %v29 = phi i64 [ %v58, %b8 ], [ %v52, %b6 ]
  %v25 = add i64 %v24, 1
  %v70 = getelementptr i8, ptr %v69, i64 8
  tail call void @on_sample(ptr noundef nonnull %v70, i64 noundef %v68)
  br label %b1
b10:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(232) %v1, i64 noundef %v58, i64 noundef %v59, i64 noundef %v24)
  ret i64 %v24
}
